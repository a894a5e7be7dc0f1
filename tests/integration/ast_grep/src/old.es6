console.log("es6")

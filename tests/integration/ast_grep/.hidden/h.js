console.log("hidden")

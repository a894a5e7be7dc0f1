console.log("broken"
function ( {
console.log(2 == 3);

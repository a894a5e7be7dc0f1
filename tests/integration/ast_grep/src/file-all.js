// ast-grep-ignore

console.log(1 == 1);

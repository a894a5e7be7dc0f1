// ast-grep-ignore: no-console

console.log(1 == 1);
console.debug();

console.log('one'); // ast-grep-ignore
console.log('two');
// ast-grep-ignore
console.log('three');
// ast-grep-ignore: no-console
console.log(1 == 1);
// ast-grep-ignore: many-0, no-console
console.log(2 == 2);
// ast-grep-ignore: something-else
console.log('four');
console.log(
  'five',
) // ast-grep-ignore: no-console
console.log('six');
// This says ast-grep-ignore: no-console in prose
console.log('seven');
/* ast-grep-ignore: no-console */
console.log('eight');
f(); // ast-grep-ignore: no-console

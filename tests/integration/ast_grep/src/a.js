const snake_case = 'é', x = 1; console.log(snake_case, 'ü');
if (x == 2) { console.debug(
  1,
); }
f(1, 1); f(x, x); f('a', "a");
const it_all = { dead: 1, alive: 2, nested: { dead: 3 } };
if (a == b != c) fetch('/x');
it.only('nothing', () => {});

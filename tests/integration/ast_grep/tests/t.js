it.only('is focused', () => fetch('/y'));

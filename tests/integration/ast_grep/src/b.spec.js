it.only('is focused', () => {});

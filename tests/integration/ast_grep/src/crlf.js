console.log("crlf");
x == y;
	console.log(`
`);

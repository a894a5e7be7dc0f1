-- Names some of the requests that nobody finished in time, and changes nothing. KEYS: root, open, begun.
return refusal() or {'abandoned', unpack(over(KEYS[2], KEYS[3]))}

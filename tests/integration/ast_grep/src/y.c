int g() { end: goto end; }

namespace a {
inline void f() { again: goto again; }
}

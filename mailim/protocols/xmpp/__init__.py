"""XMPP streams of clients: TCP, direct TLS and WebSocket; SASL, bind; features, one file each."""

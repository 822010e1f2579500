"""The engine: it paces plans onto sinks, keeps sessions, gates and marks. It knows no HTTP."""

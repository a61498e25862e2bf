//! The client against a scripted server over real connections.

mod calls;
mod responder;
mod streams;

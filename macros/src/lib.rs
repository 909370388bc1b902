//! The attribute macro of `tidegate`, which documents and re-exports it.

mod arguments;
mod duration;
mod expand;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

#[allow(
    missing_docs,
    reason = "what stands here is shown after the library's own words"
)]
#[proc_macro_attribute]
pub fn rate_limited(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let has_tokio = cfg!(feature = "tokio");
    expand::rate_limited(arguments.into(), item.into(), has_tokio).into()
}

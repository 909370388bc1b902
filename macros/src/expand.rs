//! The function, with the question to the limiter before its body.

use crate::arguments::{Arguments, Wait};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Path, Result, ReturnType, Signature, Visibility};

/// The function that takes permits first; or an error, and the function as it was, so
/// that its callers are not in error as well.
pub fn rate_limited(arguments: TokenStream, item: TokenStream, has_tokio: bool) -> TokenStream {
    expand(arguments, item.clone(), has_tokio).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!(#error #item)
    })
}

/// The same where an error is for the caller to write.
pub fn expand(arguments: TokenStream, item: TokenStream, has_tokio: bool) -> Result<TokenStream> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let function: Function = syn::parse2(item)?;
    function.limited(&arguments, has_tokio)
}

/// A function. Its body is nobody's concern here.
struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    /// At the start of the body.
    inner_attributes: Vec<Attribute>,
    body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let start = input.span();
        // The compiler has checked that it is an item.
        let signature: Signature = input.parse().map_err(|_| {
            Error::new(
                start,
                "only a function can be rate limited: write `#[rate_limited]` above a `fn`",
            )
        })?;
        if !input.peek(syn::token::Brace) {
            let message = "there is no body that could be rate limited: write `#[rate_limited]` \
                           where the function is defined";
            return Err(Error::new(signature.ident.span(), message));
        }
        let body;
        syn::braced!(body in input);
        Ok(Self {
            attributes,
            visibility,
            signature,
            inner_attributes: body.call(Attribute::parse_inner)?,
            body: body.parse()?,
        })
    }
}

impl Function {
    fn limited(&self, arguments: &Arguments, has_tokio: bool) -> Result<TokenStream> {
        self.check()?;
        let permit = self.permit(arguments, has_tokio)?;
        let refused = self.refused(&arguments.library);
        let Self {
            attributes,
            visibility,
            signature,
            inner_attributes,
            body,
        } = self;
        Ok(quote! {
            #(#attributes)*
            #visibility #signature {
                #(#inner_attributes)*
                if let ::core::result::Result::Err(error) = #permit {
                    return #refused(error);
                }
                { #body }
            }
        })
    }

    /// Whether it can wait, and be refused.
    fn check(&self) -> Result<()> {
        if let Some(word) = self.signature.constness {
            let message = "a `const fn` can be called while compiling, when there is no limiter: \
                           take `const` away";
            return Err(Error::new(word.span(), message));
        }
        if matches!(self.signature.output, ReturnType::Default) {
            let message = "this function could not say that it was refused: let it return \
                           `Result<(), E>`, where `E: From<tidegate::AcquireError>`";
            return Err(Error::new(self.signature.ident.span(), message));
        }
        Ok(())
    }

    /// The expression that takes the permits.
    fn permit(&self, arguments: &Arguments, has_tokio: bool) -> Result<TokenStream> {
        let own_name = self.signature.ident.unraw().to_string();
        let name = match &arguments.name {
            Some(name) => borrowed(name),
            None => own_name.to_token_stream(),
        };
        let weight = match &arguments.weight {
            Some(weight) => weight.to_token_stream(),
            None => quote!(1),
        };
        let asked = borrowed(&arguments.limiter);
        let what = quote!(#asked, #name, #weight);
        let library = &arguments.library;
        let limiter = quote!(#library::Limiter);
        let (timeout, sleep) = match &arguments.wait {
            Wait::No => return Ok(quote!(#limiter::try_acquire_n(#what))),
            Wait::UpTo { timeout, sleep } => (timeout, sleep),
        };
        let timeout = match timeout {
            Some(timeout) => timeout.clone(),
            None => quote!(::core::time::Duration::MAX),
        };
        match (self.signature.asyncness, sleep) {
            (None, None) => Ok(quote!(#limiter::acquire_timeout(#what, #timeout))),
            (None, Some((span, _))) => {
                let message = "only an `async fn` sleeps by a future: take `sleep` away";
                Err(Error::new(*span, message))
            }
            (Some(_), Some((_, sleep))) => {
                Ok(quote!(#limiter::acquire_with(#what, #timeout, #sleep).await))
            }
            (Some(_), None) if has_tokio => {
                Ok(quote!(#limiter::acquire_timeout_async(#what, #timeout).await))
            }
            (Some(word), None) => {
                let message = "an `async fn` waits on a timer: enable tidegate's feature `tokio`, \
                               or name another timer by `sleep = ...`, or write `no_wait`";
                Err(Error::new(word.span(), message))
            }
        }
    }

    /// The function that makes an answer of the limiter's error. Where the answer's type does
    /// not allow that, the compiler points at it.
    fn refused(&self, library: &Path) -> TokenStream {
        let place = match &self.signature.output {
            ReturnType::Type(_, answer) => answer.span(),
            ReturnType::Default => Span::call_site(),
        };
        let path = quote!(#library::expansion::refused);
        path.into_iter()
            .map(|mut token| {
                token.set_span(ours_at(place));
                token
            })
            .collect()
    }
}

/// The value by reference, for the body may need it.
fn borrowed(value: &Expr) -> TokenStream {
    quote_spanned!(ours_at(value.span())=> &(#value))
}

/// Where errors point there, and lints know that it is the macro's.
fn ours_at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

//! What stands in the parentheses of `#[rate_limited(...)]`.

use crate::duration;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprLit, Lit, Path, Result, Token};

const ALLOWED: &str = "`limiter`, `name`, `weight`, `timeout`, `sleep` and `crate`, \
                       each with a value, and `no_wait` without one";

/// The arguments, those that were not given as nothing.
pub struct Arguments {
    pub limiter: Expr,
    pub name: Option<Expr>,
    pub weight: Option<Expr>,
    pub wait: Wait,
    /// Where the library is.
    pub library: Path,
}

/// How long a call waits, and how.
pub enum Wait {
    No,
    UpTo {
        timeout: Option<TokenStream>,
        /// What the future sleeps by, and where that was said.
        sleep: Option<(Span, TokenStream)>,
    },
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut given: Vec<Ident> = Vec::new();
        let (mut limiter, mut name, mut weight) = (None, None, None);
        let (mut timeout, mut sleep, mut library) = (None, None, None);
        while !input.is_empty() {
            // Any, for `crate` is a keyword.
            let key = input.call(Ident::parse_any)?;
            if given.contains(&key) {
                return Err(Error::new(key.span(), format!("`{key}` is given twice")));
            }
            match key.to_string().as_str() {
                "limiter" => limiter = Some(value(&key, input)?),
                "name" => name = Some(value(&key, input)?),
                "weight" => weight = Some(value(&key, input)?),
                "timeout" => timeout = Some(time(value(&key, input)?)?),
                "sleep" => {
                    let how: Expr = value(&key, input)?;
                    sleep = Some((key.span(), how.into_token_stream()));
                }
                "crate" => library = Some(value(&key, input)?),
                "no_wait" if input.peek(Token![=]) => {
                    let message = "`no_wait` takes no value: write it, or leave it out";
                    return Err(Error::new(key.span(), message));
                }
                "no_wait" => {}
                _ => {
                    let message = format!("`{key}` is no argument: there are {ALLOWED}");
                    return Err(Error::new(key.span(), message));
                }
            }
            given.push(key);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let Some(limiter) = limiter else {
            let message = "say which limiter is asked, as in `#[rate_limited(limiter = LIMITER)]`";
            return Err(Error::new(Span::call_site(), message));
        };
        let wait = match given.iter().find(|key| *key == "no_wait") {
            None => Wait::UpTo { timeout, sleep },
            Some(_) if timeout.is_none() && sleep.is_none() => Wait::No,
            Some(key) => {
                let message = "a call that does not wait has no `timeout` and no `sleep`: \
                               take them away, or `no_wait`";
                return Err(Error::new(key.span(), message));
            }
        };
        Ok(Self {
            limiter,
            name,
            weight,
            wait,
            library: library.unwrap_or_else(|| syn::parse_quote!(::tidegate)),
        })
    }
}

/// The value that must follow.
fn value<T: Parse>(key: &Ident, input: ParseStream<'_>) -> Result<T> {
    if !input.peek(Token![=]) {
        let message = format!("`{key}` needs a value: write `{key} = ...`");
        return Err(Error::new(key.span(), message));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

/// A duration: of text, or what the expression says.
fn time(value: Expr) -> Result<TokenStream> {
    match &value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => {
            let time = duration::parse(text)?;
            let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
            Ok(quote!(::core::time::Duration::new(#seconds, #nanos)))
        }
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => {
            let message = format!("{number} of what? Write a unit, as in \"{number}s\"");
            Err(Error::new(number.span(), message))
        }
        _ => Ok(value.into_token_stream()),
    }
}

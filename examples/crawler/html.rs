//! Finds the links of a page.

use std::sync::LazyLock;

use scraper::{Html, Selector};
use url::{Position, Url};

static BASE: LazyLock<Selector> = LazyLock::new(|| selector("base[href]"));
static LINK: LazyLock<Selector> = LazyLock::new(|| selector("a[href], area[href]"));

fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("a valid selector")
}

/// The links of the page at `address`, resolved as a browser would.
pub fn links(address: &Url, html: &str) -> Vec<Url> {
    let document = Html::parse_document(html);
    let hrefs = |selector| {
        document
            .select(selector)
            .filter_map(|element| element.attr("href"))
    };
    let base = hrefs(&BASE)
        .next()
        .and_then(|href| address.join(href).ok())
        .unwrap_or_else(|| address.clone());
    hrefs(&LINK)
        .filter_map(|href| base.join(href).ok())
        .collect()
}

/// What to ask the server of `address` for in order to follow `link`, or `None` if
/// the link leads to another server.
pub fn path_on(address: &Url, link: &Url) -> Option<String> {
    (link.origin() == address.origin())
        .then(|| link[Position::BeforePath..Position::AfterQuery].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(html: &str) -> Vec<String> {
        let address = Url::parse("http://127.0.0.1:8000/std/index.html").unwrap();
        links(&address, html)
            .iter()
            .filter_map(|link| path_on(&address, link))
            .collect()
    }

    #[test]
    fn links_are_resolved_against_the_page() {
        assert_eq!(
            paths(r#"<a href="vec/">1</a> <a href="../core/index.html">2</a> <a href="/x">3</a>"#),
            ["/std/vec/", "/core/index.html", "/x"]
        );
    }

    #[test]
    fn a_base_element_moves_the_links() {
        assert_eq!(
            paths(r#"<base href="/book/"><a href="ch01.html">1</a>"#),
            ["/book/ch01.html"]
        );
    }

    #[test]
    fn a_fragment_is_dropped_and_a_query_kept() {
        assert_eq!(
            paths(r##"<a href="#top">1</a><a href="?a=1&amp;b=2#c">2</a>"##),
            ["/std/index.html", "/std/index.html?a=1&b=2"]
        );
    }

    #[test]
    fn no_path_climbs_above_the_root() {
        assert_eq!(
            paths(r#"<a href="../../../etc/passwd">1</a>"#),
            ["/etc/passwd"]
        );
    }

    #[test]
    fn links_to_other_servers_and_other_schemes_are_not_followed() {
        assert!(
            paths(
                r#"<a href="https://www.rust-lang.org/">1</a><a href="mailto:a@b.c">2</a>
                   <a href="http://127.0.0.1:9000/">3</a><a href="javascript:alert()">4</a>"#
            )
            .is_empty()
        );
    }

    #[test]
    fn what_is_commented_out_or_in_a_script_is_no_link() {
        assert!(
            paths(r#"<!-- <a href="x"> --><script>"<a href='y'>"</script><textarea><a href="z">"#)
                .is_empty()
        );
    }
}

//! Bad inputs: each is told what was expected, by the API as problem+json and by the pages as a page.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::{Database, Server, web};

/// The path, the status, and a part of what is said.
fn table() -> Vec<(String, u16, &'static str)> {
    let of = |path: &str, status, text| (path.to_owned(), status, text);
    vec![
        of("/movies?year=abc", 400, "expected is a number from 1888 to 2100"),
        of("/movies?year=1887", 400, "expected is a number"),
        of("/movies?year=2101", 400, "expected is a number"),
        of("/movies?year=-2013", 400, "expected is a number"),
        of("/movies?year=2013.5", 400, "expected is a number"),
        of("/movies?year=99999999999999999999", 400, "expected is a number"),
        of("/movies?year=2013&year=2014", 400, "each once"),
        of("/movies?month=1", 400, "Taken are year, title, genre and cursor"),
        of("/movies?cursor=x", 400, "The cursor is none"),
        of("/movies?cursor=e30", 400, "The cursor is none"),
        of("/movies?cursor=eyJ5ZWFyIjoxLCJ0aXRsZSI6IiJ9", 400, "The cursor is none"),
        (format!("/movies?title={}", "a".repeat(201)), 400, "201 bytes; at most 200"),
        (format!("/movies?genre={}", "a".repeat(201)), 400, "201 bytes; at most 200"),
        (format!("/movies/2013/{}", "a".repeat(201)), 400, "201 bytes; expected are 1 to 200"),
        (format!("/movies?title={}", "a".repeat(5_000)), 414, "at most 4096"),
        of("/movies/abc/x", 400, "expected is a number"),
        of("/movies/2013/%FF", 400, "UTF-8"),
        of("/movies/2013/None+of+ours", 404, "There is no film"),
        of("/nothing", 404, "Here are /movies"),
        of("/movies/2013", 404, "Here are /movies"),
    ]
}

#[tokio::test]
async fn the_api_says_what_it_expected() {
    let database = Database::loaded().await;
    let api = database.api("1.0");
    for (path, status, text) in table() {
        let answer = api.get(&path).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "application/problem+json"),
            "{path} {}",
            answer.body
        );
        assert!(answer.body.contains(text), "{path}: {}", answer.body);
        assert_eq!(answer.json()["status"], status);
    }
    let answer = raw(&api, "POST /movies HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("Only GET and HEAD are taken."), "{answer}");
}

#[tokio::test]
async fn the_pages_say_it_on_a_page() {
    let database = Database::loaded().await;
    let api = database.api("1.0");
    let web = web("1.0", &api.url, &[]);
    for (path, status, text) in table() {
        let path = path.replace("/movies?", "/?");
        let answer = web.get(&path).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path} {}",
            answer.body
        );
        if !text.starts_with("Here are") {
            assert!(answer.body.contains(text), "{path}: {}", answer.body);
        }
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
    }
}

#[tokio::test]
async fn what_a_page_shows_is_text() {
    let database = Database::empty().await;
    let title = "<script>alert(1)</script>\" onload='x' \u{202e}evil 🎬 & Co / 50 %";
    let film = serde_json::json!([{ "year": 2013, "title": title, "info": { "plot": "<img src=x>", "genres": ["<b>"], "actors": ["\"'"] } }]);
    let file = std::env::temp_dir().join(format!("hostile-{}.json", std::process::id()));
    std::fs::write(&file, film.to_string()).unwrap();
    let output = database.load(&["--source", file.to_str().unwrap()]).await;
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(database.count().await, 1);
    let api = database.api("1.0");
    let web = web("1.0", &api.url, &[]);
    let list = web.get("/?year=2013&title=%3Cscript%3E").await;
    let mut address = url::Url::parse(&web.url).unwrap();
    address.path_segments_mut().unwrap().extend(["movies", "2013", title]);
    let film = web.get(address.path()).await;
    for page in [list, film] {
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("&#60;script&#62;alert(1)"), "{}", page.body);
        for raw in ["<script", "<img", "<b>", "onload='x'"] {
            assert!(!page.body.contains(raw), "{raw} in {}", page.body);
        }
    }
}

/// Sends bytes as they are.
fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

//! Films are found: by year, by title, page by page.

use std::collections::BTreeSet;

use movies::movie::{FILMS, Movie, normalised, parse};

use crate::harness::{Database, Server};

/// Every film that a search finds, page by page.
async fn all(api: &Server, query: &str) -> Vec<Movie> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = api.get(&format!("/movies?{query}{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page: movies::movie::Page = serde_json::from_str(&answer.body).unwrap();
        assert!(
            page.movies.len() <= 20 && (page.cursor.is_none() || page.movies.len() == 20),
            "a page that has a next one is full"
        );
        found.extend(page.movies);
        match page.cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

fn expected(wanted: impl Fn(&Movie) -> bool) -> BTreeSet<(i32, String)> {
    keys(parse(FILMS).unwrap().into_iter().filter(wanted))
}

fn keys(movies: impl IntoIterator<Item = Movie>) -> BTreeSet<(i32, String)> {
    movies.into_iter().map(|movie| (movie.year, movie.title)).collect()
}

#[tokio::test]
async fn every_search_finds_all_its_films_once() {
    let database = Database::loaded().await;
    let api = database.api("1.0");
    let begins = |movie: &Movie, prefix: &str| normalised(&movie.title).starts_with(prefix);
    let comedy = |movie: &Movie| movie.info.genres.iter().any(|genre| genre == "Comedy");
    let searches: [(&str, BTreeSet<(i32, String)>); 9] = [
        ("", expected(|_| true)),
        ("year=2013", expected(|movie| movie.year == 2013)),
        ("title=THE+QUIET", expected(|movie| begins(movie, "the quiet"))),
        ("title=the", expected(|movie| begins(movie, "the"))),
        ("year=2013&title=the+s", expected(|movie| movie.year == 2013 && begins(movie, "the s"))),
        ("title=%C3%A9cho", expected(|movie| movie.title.starts_with("Écho"))),
        ("genre=Comedy", expected(comedy)),
        ("year=2013&genre=Comedy&title=the", expected(|movie| movie.year == 2013 && comedy(movie) && begins(movie, "the"))),
        ("title=nothing+begins+so", BTreeSet::new()),
    ];
    for (query, wanted) in searches {
        let found = all(&api, query).await;
        assert_eq!(found.len(), wanted.len(), "{query}: a film is there once");
        assert_eq!(keys(found), wanted, "{query}");
    }
}

#[tokio::test]
async fn every_film_has_a_page_whatever_is_missing() {
    let database = Database::loaded().await;
    let api = database.api("1.0");
    let web = crate::harness::web("1.0", &api.url, &[]);
    let films = parse(FILMS).unwrap();
    for film in films {
        let mut address = url::Url::parse(&web.url).unwrap();
        address.path_segments_mut().unwrap().extend(["movies", &film.year.to_string(), &film.title]);
        let answer = web.get(address.path()).await;
        assert_eq!(answer.status, 200, "{}", film.title);
        assert_eq!(answer.body.contains("Nobody has told the plot"), film.info.plot.is_none(), "{}", film.title);
        assert_eq!((answer.header("x-version"), answer.header("x-api-version")), ("1.0", "1.0"));
    }
}

#[tokio::test]
async fn a_page_tells_both_versions_and_its_request_in_both_logs() {
    let database = Database::loaded().await;
    let api = database.api("1.0-api");
    let web = crate::harness::web("1.0-web", &api.url, &[]);
    let page = web.get("/?year=2013").await;
    assert!(page.body.contains("web <strong>1.0-web</strong> · API <strong>1.0-api</strong>"), "{}", page.body);
    assert!(!page.body.contains("<select"), "the filter is the next version's");
    let version = web.get("/version").await.json();
    assert_eq!((version["version"].as_str(), version["api"]["version"].as_str()), (Some("1.0-web"), Some("1.0-api")));
    let request = page.header("x-request-id");
    for server in [&web, &api] {
        assert!(server.lines().iter().any(|line| line.contains(request)), "{request} is not in {:?}", server.lines());
    }
    let next = crate::harness::web("1.1", &api.url, &[("COLOUR", "green"), ("GENRE_FILTER", "true")]).get("/?genre=Comedy").await;
    assert!(
        next.body.contains("<header class=\"green\">") && next.body.contains("<option selected>Comedy</option>"),
        "{}",
        next.body
    );
}

//! `bin/deploy --app movies`: its stack beside an installation, its films, and their end.

use local_aws::installation::{Installation, source};
use local_aws::world::binary;

use super::scripts::{run, told};
use super::stage::NOTHING;

#[tokio::test(flavor = "multi_thread")]
async fn the_movie_demo_is_installed_filled_and_removed() {
    let installation = Installation::start().await.unwrap();
    let zip = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(zip.path(), source(&NOTHING).unwrap()).unwrap();
    let built = ["deployer", "movies-load"].map(|name| binary(name).to_str().unwrap().to_owned());
    let packages = ["--function", zip.path().to_str().unwrap(), "--deployer", &built[0], "--loader", &built[1]];
    let deploy = async |more: &[&str]| {
        let output = run(&installation, "deploy", &[&packages[..], more, &["--yes"]].concat()).await;
        assert!(output.status.success(), "{more:?}: {}", told(&output));
        told(&output)
    };

    let wrong = run(&installation, "deploy", &["--app", "books"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(told(&wrong).contains("--app books: expected movies"), "{}", told(&wrong));
    let made = deploy(&["--app", "movies"]).await;
    assert!(made.contains("shop-movies") && made.contains("150 films are in the table shop-movies-Movies-"), "{made}");
    let again = deploy(&[]).await;
    let unchanged = again.lines().any(|line| line.starts_with("shop-movies ") && line.ends_with("unchanged"));
    assert!(
        unchanged && !again.contains("films are in"),
        "what is there is updated, and filled only where it is asked for: {again}"
    );

    let kept = run(&installation, "cleanup", &["--yes"]).await;
    assert!(kept.status.success() && told(&kept).contains("keeps table shop-movies-Movies-"), "{}", told(&kept));
    let gone = run(&installation, "cleanup", &["--everything", "--yes"]).await;
    assert!(gone.status.success() && told(&gone).contains("deleted table shop-movies-Movies-"), "{}", told(&gone));
    let nothing = run(&installation, "cleanup", &["--everything", "--yes"]).await;
    assert!(told(&nothing).contains("nothing of shop is left"), "{}", told(&nothing));
}

//! The loader: twice is as once, and another source that cannot be read is told.

use crate::harness::Database;

#[tokio::test]
async fn loading_twice_is_as_loading_once() {
    let database = Database::loaded().await;
    assert_eq!(database.count().await, 150);
    let again = database.load(&[]).await;
    assert!(again.status.success());
    assert_eq!(String::from_utf8_lossy(&again.stdout), "150 films are in the table Movies\n");
    assert_eq!(database.count().await, 150);
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_told_and_the_own_films_are_loaded() {
    let database = Database::empty().await;
    let file = std::env::temp_dir().join(format!("films-{}.json", std::process::id()));
    for (text, why) in [("[]", "it has no films"), ("{}", "not in the shape"), ("[{\"year\":\"x\"}]", "not in the shape")] {
        std::fs::write(&file, text).unwrap();
        let output = database.load(&["--source", file.to_str().unwrap()]).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.contains(why) && told.contains("come with this instead"), "{text}: {told}");
    }
    std::fs::remove_file(&file).unwrap();
    for (source, why) in
        [("/nowhere", "No such file"), ("http://127.0.0.1:1/x", "error sending"), ("s3://bucket", "s3://BUCKET/KEY")]
    {
        let output = database.load(&["--source", source]).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.contains(why), "{source}: {told}");
    }
    assert_eq!(database.count().await, 150);
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named() {
    let database = Database::empty().await;
    let output = database.load(&["--table", "None"]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("The table None does not answer as it should: ResourceNotFoundException"), "{told}");
}

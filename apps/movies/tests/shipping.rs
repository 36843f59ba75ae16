//! What is shipped fits the programs.

use std::process::Command;

#[test]
fn the_images_have_no_root_and_set_what_is_read() {
    let images = [
        (env!("CARGO_BIN_EXE_movies-web"), include_str!("../Dockerfile.web")),
        (env!("CARGO_BIN_EXE_movies-api"), include_str!("../Dockerfile.api")),
    ];
    for (program, image) in images {
        let help = String::from_utf8(Command::new(program).arg("--help").output().unwrap().stdout).unwrap();
        let environment = image.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap();
        for pair in environment.split(' ') {
            let (name, _) = pair.split_once('=').unwrap();
            assert!(help.contains(&format!("[env: {name}=")), "{name}");
        }
        assert!(image.contains("distroless/cc") && image.contains(":nonroot"));
        let name = program.rsplit('/').next().unwrap();
        assert!(image.contains(&format!("--bin {name}\n")) && image.contains(&format!("ENTRYPOINT [\"/{name}\"]")));
    }
}

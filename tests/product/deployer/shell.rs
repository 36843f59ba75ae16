//! Runs the command lines that the deployer prints. There is no AWS command line here: the call that it would make is made.

use serde_json::{Map, Value, json};

use crate::deployer::stage::Stage;
use product_stage::query::query;

/// Runs a command line as a shell would, up to its comment: one command, or several joined by `&&`.
pub async fn run(stage: &Stage, line: &str) {
    let words = shell_words::split(line).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).take_while(|word| *word != "#").collect();
    for command in words.split(|word| *word == "&&") {
        match command {
            ["deployer", arguments @ ..] => stage.deployer(&[arguments, &["--yes"]].concat()).await.ended(0, &[]),
            ["aws", "ecs", "update-service", options @ ..] => scale(stage, &read(options)).await,
            ["aws", service, verb, options @ ..] => {
                query(&stage.world, service, &pascal(verb), &Value::Object(read(options))).await;
            }
            other => panic!("no command that is known here: {other:?}"),
        }
    }
}

/// The options by the names that the API gives them.
fn read(options: &[&str]) -> Map<String, Value> {
    let mut read = Map::new();
    let starts = options.iter().enumerate().filter(|(_, word)| word.starts_with("--")).map(|(index, _)| index);
    let ends = starts.clone().skip(1).chain([options.len()]);
    for (start, end) in starts.zip(ends) {
        let name = &options[start][2..];
        assert!(!options[start + 1..end].iter().any(|word| word.contains("_ARN") || word.contains("_NAME")), "{options:?}");
        let mut values: Vec<Value> = options[start + 1..end].iter().map(|word| value(word)).collect();
        let list = name.ends_with('s');
        let value = match values.as_slice() {
            [] => json!(true),
            [Value::Array(_)] => values.remove(0),
            [_] if !list => values.remove(0),
            _ => Value::from(values),
        };
        read.insert(pascal(name), value);
    }
    read
}

/// JSON, the short form of a structure (`Key=a,Value=b`), or a text.
fn value(word: &str) -> Value {
    match word.split_once('=') {
        _ if word.starts_with(['[', '{']) => serde_json::from_str(word).unwrap(),
        Some((key, _)) if key.starts_with(char::is_uppercase) => {
            word.split(',').map(|pair| pair.split_once('=').unwrap()).map(|(key, value)| (key.to_owned(), json!(value))).collect()
        }
        _ => json!(word),
    }
}

fn pascal(name: &str) -> String {
    name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

async fn scale(stage: &Stage, options: &Map<String, Value>) {
    let text = |name: &str| options[name].as_str().unwrap();
    let update = stage.world.ecs().update_service().cluster(text("Cluster")).service(text("Service"));
    update.desired_count(text("DesiredCount").parse().unwrap()).send().await.unwrap();
}

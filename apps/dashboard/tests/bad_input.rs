//! Wrong settings: each is named, nothing starts.

use crate::harness::ends;

const GOOD: [(&str, &str); 6] = [
    ("GITLAB_URL", "https://gitlab.example"),
    ("GITLAB_GROUP", "team"),
    ("GITLAB_ACCESS_TOKEN", "glpat-hush"),
    ("GITLAB_APPLICATION_ID", "id"),
    ("GITLAB_APPLICATION_SECRET", "gloas-hush"),
    ("PORT", "0"),
];
const KEY: (&str, &str) = ("SESSION_SECRET_KEY", "0123456789abcdef0123456789abcdef");

#[test]
fn wrong_settings_are_named_and_nothing_starts() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[("GITLAB_GROUP", "")], "GITLAB_GROUP is not set"),
        (&[("GITLAB_ACCESS_TOKEN", " ")], "GITLAB_ACCESS_TOKEN is not set"),
        (&[("GITLAB_APPLICATION_ID", "")], "GITLAB_APPLICATION_ID is not set"),
        (&[("GITLAB_APPLICATION_SECRET", "")], "GITLAB_APPLICATION_SECRET is not set"),
        (&[("GITLAB_URL", "gitlab.com")], "GITLAB_URL is \"gitlab.com\""),
        (&[("GITLAB_URL", "http://gitlab.example")], "it must be https"),
        (&[("PORT", "80000")], "PORT is \"80000\": it must be a number from 0 to 65535"),
        (&[("PORT", "http")], "PORT is \"http\""),
        (&[("HOST", "localhost")], "HOST is \"localhost\""),
        (&[("HOST", "0.0.0.0")], "SESSION_SECRET_KEY is not set, and the dashboard is reached from other machines"),
        (&[("DASHBOARD_URL", "https://releases.example")], "SESSION_SECRET_KEY is not set"),
        (&[("DASHBOARD_URL", "http://releases.example"), KEY], "beyond this machine it must be https"),
        (&[("RUN_APP_SCHEDULER", "true")], "SESSION_SECRET_KEY is not set, and RUN_APP_SCHEDULER=true"),
        (&[("RUN_APP_SCHEDULER", "True")], "RUN_APP_SCHEDULER is \"True\": it must be `true` or `false`"),
        (&[("SESSION_SECRET_KEY", "short")], "SESSION_SECRET_KEY is shorter than 32 characters"),
        (&[("REDIS_HOST", "redis")], "SESSION_SECRET_KEY is not set, and REDIS_HOST is set"),
        (&[("REDIS_SSL", "true")], "REDIS_SSL is \"true\": it must be `True` or `False`"),
        (&[("REDIS_SSL", "1")], "REDIS_SSL is \"1\""),
        (&[("REDIS_PORT", "0")], "REDIS_PORT is \"0\""),
        (&[("REDIS_DB", "16")], "REDIS_DB is \"16\""),
        (&[("REDIS_HOST", "a host"), KEY], "REDIS_HOST is \"a host\""),
        (&[("REFRESH_SECONDS", "0")], "REFRESH_SECONDS is \"0\""),
        (&[("GITLAB_REQUESTS_PER_MINUTE", "many")], "GITLAB_REQUESTS_PER_MINUTE is \"many\""),
        (&[("STALE_SECONDS", "0")], "STALE_SECONDS is \"0\""),
        (&[("STALE_SECONDS", "1")], "STALE_SECONDS is 1: it must be more than REFRESH_SECONDS (60)"),
        (
            &[("RELEASES_SERVICES", "web"), ("AWS_REGION", "eu-central-1")],
            "RELEASES_SERVICES names \"web\": it must be CLUSTER/SERVICE",
        ),
        (&[("RELEASES_LOAD_BALANCERS", "a b"), ("AWS_REGION", "eu-central-1")], "RELEASES_LOAD_BALANCERS names \"a b\""),
        (&[("RELEASES_PIPELINES", "shop")], "AWS_REGION is not set"),
        (&[("FULL_SECONDS", "0")], "FULL_SECONDS is \"0\""),
        (&[("GITLAB_TIMEOUT_SECONDS", "301")], "GITLAB_TIMEOUT_SECONDS is \"301\""),
        (&[("MEMBERSHIP_SECONDS", "3601")], "MEMBERSHIP_SECONDS is \"3601\""),
        (&[("SESSION_SECONDS", "-1")], "SESSION_SECONDS is \"-1\""),
        (&[("SESSION_IDLE_SECONDS", "50000")], "SESSION_IDLE_SECONDS is 50000: it must not be more than SESSION_SECONDS (43200)"),
    ];
    for (changes, expected) in table {
        let mut variables = GOOD.to_vec();
        variables.extend_from_slice(changes);
        let output = ends(&variables, &[]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{changes:?}: {error}");
        assert!(error.contains(expected), "{changes:?}: {error}");
        assert!(!error.contains("hush") && !error.contains(KEY.1), "{changes:?}: a secret in {error}");
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    let error = String::from_utf8(ends(&[("PORT", "x")], &[]).stderr).unwrap();
    for name in ["PORT", "GITLAB_GROUP", "GITLAB_ACCESS_TOKEN", "GITLAB_APPLICATION_ID", "GITLAB_APPLICATION_SECRET"] {
        assert!(error.contains(name), "{name}: {error}");
    }
}

#[test]
fn roles_apart_need_redis() {
    for role in ["serve", "refresh"] {
        let output = ends(&GOOD, &[role]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("REDIS_HOST is not set"), "{role}");
    }
}

#[test]
fn made_up_projects_are_for_this_machine_alone() {
    let error = String::from_utf8(ends(&[("HOST", "0.0.0.0"), KEY], &["--demo"]).stderr).unwrap();
    assert!(error.contains("--demo has no sign-in"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let output = ends(&[("DATA_DIR", "/proc/none"), ("PORT", "0")], &["--demo"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("DATA_DIR must be a folder"));
}

#[test]
fn help_and_readme_have_every_name() {
    let help = String::from_utf8(ends(&[], &["--help"]).stdout).unwrap();
    let readme = include_str!("../README.md");
    let is_name = |word: &&str| word.len() > 3 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let names: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(is_name).collect();
    assert!(names.len() > 20 && GOOD.iter().all(|(name, _)| names.contains(name)), "{names:?}");
    for name in names {
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in the README's table");
    }
}

//! Who started a job, and where it can be seen: from the variables of CI systems.

/// Where a result comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who started it.
    pub by: Option<String>,
    /// The job's page.
    pub job: Option<String>,
}

impl Origin {
    /// From the environment of GitLab, GitHub, Bitbucket or CodeBuild.
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let github = || {
            let (server, repository, run) =
                (variable("GITHUB_SERVER_URL")?, variable("GITHUB_REPOSITORY")?, variable("GITHUB_RUN_ID")?);
            Some(format!("{server}/{repository}/actions/runs/{run}"))
        };
        let bitbucket = || {
            let (origin, number) = (variable("BITBUCKET_GIT_HTTP_ORIGIN")?, variable("BITBUCKET_BUILD_NUMBER")?);
            Some(format!("{origin}/pipelines/results/{number}"))
        };
        Self {
            by: ["GITLAB_USER_LOGIN", "GITHUB_ACTOR", "CODEBUILD_INITIATOR"].iter().find_map(|name| variable(name)),
            job: variable("CI_JOB_URL").or_else(github).or_else(bitbucket).or_else(|| variable("CODEBUILD_BUILD_URL")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    fn read(variables: &[(&str, &str)]) -> (String, String) {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let Origin { by, job } = Origin::read(value);
        (by.unwrap_or_default(), job.unwrap_or_default())
    }

    #[test]
    fn every_ci_system_says_who_and_where() {
        let pair = |by: &str, job: &str| (by.to_owned(), job.to_owned());
        assert_eq!(read(&[("GITLAB_USER_LOGIN", "a"), ("CI_JOB_URL", "https://g/j/1")]), pair("a", "https://g/j/1"));
        let github =
            [("GITHUB_ACTOR", "b"), ("GITHUB_SERVER_URL", "https://h"), ("GITHUB_REPOSITORY", "o/r"), ("GITHUB_RUN_ID", "7")];
        assert_eq!(read(&github), pair("b", "https://h/o/r/actions/runs/7"));
        let bitbucket = [("BITBUCKET_GIT_HTTP_ORIGIN", "https://b/o/r"), ("BITBUCKET_BUILD_NUMBER", "9")];
        assert_eq!(read(&bitbucket), pair("", "https://b/o/r/pipelines/results/9"));
        assert_eq!(read(&[]), pair("", ""));
    }
}

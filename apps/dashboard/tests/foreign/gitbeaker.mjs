// @gitbeaker/rest against the fake GitLab.
import assert from "node:assert/strict";
const { Gitlab } = await import(`${process.env.TOOLS}/node_modules/@gitbeaker/rest/dist/index.mjs`);
const api = new Gitlab({ host: process.env.GITLAB, token: process.env.TOKEN });

const projects = await api.Groups.allProjects("team", { perPage: 20 });
assert.equal(projects.length, 45);
assert.equal((await api.Projects.show(1)).path_with_namespace, "team/shop");
assert.deepEqual((await api.Environments.all(1)).map((e) => e.name), ["development", "staging", "production"]);
const deployments = await api.Deployments.all(1, { orderBy: "updated_at", sort: "desc", perPage: 10 });
assert.equal(deployments.length, 29);
assert.equal(deployments[0].status, "failed");
const tags = await api.Tags.all(1);
assert.equal(tags.length, 2);
const compared = await api.Repositories.compare(1, tags[1].commit.id, tags[0].commit.id);
assert.equal(compared.commits.length, 1);

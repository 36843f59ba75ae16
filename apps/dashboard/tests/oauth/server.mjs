// oidc-provider, an OAuth2 server that nobody here wrote, at the paths where GitLab has its own. Sign in as a user's number.
const { default: Provider } = await import(`${process.env.TOOLS}/node_modules/oidc-provider/lib/index.js`);

const provider = new Provider(process.env.ISSUER, {
  clients: [{
    client_id: "dashboard",
    client_secret: process.env.SECRET,
    redirect_uris: [process.env.BACK],
    grant_types: ["authorization_code"],
    response_types: ["code"],
  }],
  routes: { authorization: "/oauth/authorize", token: "/oauth/token", userinfo: "/oauth/userinfo" },
  claims: { openid: ["sub", "nickname"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, nickname: `user${id}` }) }),
  cookies: { keys: ["test"] },
});
provider.proxy = true;
const server = provider.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));

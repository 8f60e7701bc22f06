// simple-oauth2 against tollgate, with tokens that live three seconds.
import { ClientCredentials } from 'simple-oauth2';

const { at, id, secret, body } = JSON.parse(process.argv[2]);
const client = new ClientCredentials({
  client: { id, secret },
  auth: { tokenHost: at, tokenPath: '/api/token' },
  options: { authorizationMethod: 'header' },
});
const pay = async (token) => (await fetch(`${at}/v1/payments`, {
  method: 'POST', body, headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
})).status;

let current = await client.getToken({});
const tokens = [current.token.access_token];
const first = await pay(tokens[0]);
// Until the library itself says that it has ended.
while (!current.expired()) await new Promise((done) => setTimeout(done, 20));
let stale = await pay(tokens[0]);
for (let i = 0; stale === 200 && i < 100; i++) { // exp is in whole seconds
  await new Promise((done) => setTimeout(done, 20));
  stale = await pay(tokens[0]);
}
current = await client.getToken({});
tokens.push(current.token.access_token);
const second = await pay(tokens[1]);
console.log(JSON.stringify({ tokens, first, stale, second }));

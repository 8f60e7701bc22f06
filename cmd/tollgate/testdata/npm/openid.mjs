// openid-client against tollgate: everything it knows comes from the metadata.
import { Issuer } from 'openid-client';

const { issuer: at, id, secret, body } = JSON.parse(process.argv[2]);
const issuer = await Issuer.discover(`${at}/.well-known/oauth-authorization-server`);
const clientOf = (client_secret) => new issuer.Client({
  client_id: id, client_secret,
  token_endpoint_auth_method: 'client_secret_basic',
  revocation_endpoint_auth_method: 'client_secret_basic',
  introspection_endpoint_auth_method: 'client_secret_basic',
});
const client = clientOf(secret);
const pay = async (token) => (await client.requestResource(`${at}/v1/payments`, token, {
  method: 'POST', body, headers: { 'Content-Type': 'application/json' },
})).statusCode;

const granted = await client.grant({ grant_type: 'client_credentials' });
const before = await client.introspect(granted.access_token);
const paid = await pay(granted.access_token);
await client.revoke(granted.access_token, 'access_token');
const after = await client.introspect(granted.access_token);
const paidAfter = await pay(granted.access_token);
let refusal = '';
try {
  await clientOf('wrong').grant({ grant_type: 'client_credentials' });
} catch (e) {
  refusal = e.error;
}
console.log(JSON.stringify({
  metadata: issuer.metadata, token: granted.access_token, expiresIn: granted.expires_in, before, paid, after, paidAfter, refusal,
}));

// jose verifies a JWT of tollgate with the key that tollgate publishes.
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { jwks, jwt } = JSON.parse(process.argv[2]);
const { payload, protectedHeader } = await jwtVerify(jwt, createRemoteJWKSet(new URL(jwks)));
console.log(JSON.stringify({ alg: protectedHeader.alg, sub: payload.sub, iss: payload.iss, env: payload.env, ttl: payload.exp - payload.iat }));

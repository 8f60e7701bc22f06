// Compact JWS made by jose.
import { SignJWT } from 'jose';

const { handle, secret } = JSON.parse(process.argv[2]);
const data = (more) => ({
  data: { merchantUid: handle, reference: 'ref_1', amountCents: 2000, countryCode: 'CI', operator: 'ORANGE', phoneNumber: '+2250707070707', ...more },
});
const sign = (payload, key, header, expires) =>
  new SignJWT(payload).setProtectedHeader({ alg: 'HS256', ...header }).setExpirationTime(expires).sign(new TextEncoder().encode(key));

console.log(JSON.stringify({
  good: await sign(data(), secret, { typ: 'JWT' }, '10 minutes'),
  kid: await sign(data({ merchantUid: undefined }), secret, { kid: handle }, '6 days'),
  phone: await sign(data({ phoneNumber: '+2250707070708' }), secret, {}, '10 minutes'),
  other: await sign(data(), `${secret}x`, {}, '10 minutes'),
  old: await sign(data(), secret, {}, '-1 second'),
  long: await sign(data(), secret, {}, '8 days'),
  hs512: await sign(data(), secret, { alg: 'HS512' }, '10 minutes'),
}));

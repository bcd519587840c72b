import t from 'tap';
import { classify, type SendFailure, type Sent } from '../../src/mail/outcome.js';

const at = (command: string, response: string, code = 'EENVELOPE'): SendFailure => ({
  code,
  command,
  response,
  responseCode: Number(response.slice(0, 3)),
});
const retry = (reason: string): Sent => ({ outcome: 'retry', reason });
const away = (reason: string): Sent => ({ outcome: 'retry', reason, connection: true });
const rejected = (reason: string): Sent => ({ outcome: 'rejected', reason });
const badAddress = (reason: string): Sent => ({ outcome: 'rejected', reason, badAddress: true });

const CASES: [string, SendFailure, boolean, Sent][] = [
  ['refused', { code: 'ESOCKET', originalCode: 'ECONNREFUSED' }, false, away('connection_refused')],
  ['reset', { code: 'ESOCKET', originalCode: 'ECONNRESET' }, false, away('connection_lost')],
  ['closed before the greeting', { code: 'ECONNECTION' }, false, away('connection_lost')],
  ['closed after DATA', { code: 'ECONNECTION', command: 'CONN' }, true, retry('connection_lost')],
  ['silent', { code: 'ETIMEDOUT', command: 'CONN' }, false, away('timeout')],
  ['silent after DATA', { code: 'ETIMEDOUT', command: 'CONN' }, true, retry('timeout')],
  ['took too long in all', { code: 'EABORT' }, true, retry('timeout')],
  ['no such host', { code: 'EDNS', originalCode: 'ENOTFOUND' }, false, away('dns')],
  ['broken TLS', { code: 'ETLS', command: 'STARTTLS' }, false, away('tls')],
  ['bad certificate', { code: 'ESOCKET', originalCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, false, away('tls')],
  ['421 greeting', at('CONN', '421 busy', 'EPROTOCOL'), false, away('smtp_421')],
  ['554 greeting', at('CONN', '554 no service', 'EPROTOCOL'), false, away('smtp_554')],
  ['wrong password', at('AUTH PLAIN', '535 5.7.8 bad credentials', 'EAUTH'), false, away('smtp_535')],
  ['no password', { code: 'EAUTH', command: 'API' }, false, away('auth')],
  ['sender refused', at('MAIL FROM', '550 5.7.1 not you'), false, away('smtp_550')],
  ['421 recipient', at('CONN', '421 4.7.0 slow down', 'ECONNECTION'), true, retry('smtp_421')],
  ['greylisted', at('RCPT TO', '451 4.7.1 later'), false, retry('smtp_451')],
  ['full', at('RCPT TO', '452 4.2.2 mailbox full'), false, retry('smtp_452')],
  ['over quota for good', at('RCPT TO', '552 5.2.2 mailbox full'), false, rejected('smtp_552')],
  ['unknown', at('RCPT TO', '550 5.1.1 <a@b.example> unknown'), false, badAddress('smtp_550')],
  ['unknown, no enhanced code', at('RCPT TO', '550 no such user'), false, badAddress('smtp_550')],
  ['unknown, several lines', at('RCPT TO', '550-5.1.1 no\n550 5.1.1 such'), false, badAddress('smtp_550')],
  ['not local', at('RCPT TO', '551 5.1.6 moved'), false, badAddress('smtp_551')],
  ['not allowed', at('RCPT TO', '553 bad mailbox name'), false, badAddress('smtp_553')],
  ['policy', at('RCPT TO', '550 5.7.1 rejected'), false, rejected('smtp_550')],
  ['policy in words', at('RCPT TO', '550 blocked as spam'), false, rejected('smtp_550')],
  ['our address', at('RCPT TO', '550 5.1.8 bad sender'), false, rejected('smtp_550')],
  ['no relaying', at('RCPT TO', '554 5.7.1 Relay access denied'), false, retry('relay_refused')],
  ['no relaying, bare', at('RCPT TO', '550 relay not permitted'), false, retry('relay_refused')],
  ['log in first', at('RCPT TO', '530 5.7.0 Authentication required'), true, retry('smtp_530')],
  ['log in first, in words', at('RCPT TO', '550 authentication required'), true, retry('relay_refused')],
  [
    'refused at a second try',
    { code: 'ESOCKET', originalCode: 'ECONNREFUSED' },
    true,
    away('connection_refused'),
  ],
  ['later, after DATA', at('DATA', '451 later', 'EMESSAGE'), true, retry('smtp_451')],
  ['spam', at('DATA', '554 5.7.1 looks like spam', 'EMESSAGE'), true, rejected('smtp_554')],
  ['unknown, after DATA', at('DATA', '550 5.1.1 unknown', 'EMESSAGE'), true, rejected('smtp_550')],
  ['too large', { code: 'EMESSAGE', command: 'MAIL FROM' }, false, rejected('too_large')],
  ['bad envelope', { code: 'EENVELOPE', command: 'API' }, false, rejected('invalid_envelope')],
  ['something new', {}, false, away('send_failed')],
];

t.test('classify', (t) => {
  for (const [name, failure, begun, outcome] of CASES) t.same(classify(failure, begun), outcome, name);
  for (const [name, failure, begun] of CASES) {
    const { reason } = classify(failure, begun) as { reason: string };
    t.match(reason, /^[a-z]+(?:_[a-z0-9]+)*$/, `${name}: a word, nothing that the server said`);
  }
  t.end();
});

import { ERRORS, type ErrorCode, type ErrorDetails } from '../../errors.js';

/** The members of an example beyond the title of its code. */
const TOLD: Partial<Record<ErrorCode, Pick<ErrorDetails, 'detail' | 'errors' | 'extra'>>> = {
  invalid_body: {
    detail: 'One field is wrong.',
    errors: [{ pointer: '/email', code: 'format', detail: 'Write it like name@example.org.' }],
  },
  invalid_query: {
    detail: 'One field is wrong.',
    errors: [{ pointer: '/limit', code: 'maximum', detail: 'It must be at most 100.' }],
  },
  invalid_header: {
    detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters: a UUID is best.',
    errors: [
      { pointer: '/idempotency-key', code: 'pattern', detail: 'Use 1 to 255 visible ASCII characters.' },
    ],
  },
  invalid_json: { detail: 'The body cannot be parsed as JSON.' },
  key_required: { detail: 'Send a secret key as: Authorization: Bearer sk_….' },
  scope_required: { detail: 'The key needs the scope petitions:write.' },
  rate_limited: { detail: 'Wait 12 seconds.' },
  precondition_failed: { detail: 'Read it again, apply your change to what is there now.' },
  petition_taken_down: { extra: { reason: 'legal' } },
  petition_not_open: {
    detail: 'It takes signatures from opens_at on.',
    extra: { opens_at: '2027-01-01T08:00:00.000Z' },
  },
  partnership_state: {
    detail: 'The partnership is accepted: you can end it.',
    extra: { allowed: ['end'] },
  },
  transition_not_allowed: {
    detail: 'A petition that is closed can become: archived, taken_down.',
    extra: { allowed: ['archived', 'taken_down'] },
  },
};

/** An example of a problem with this code, for the document. */
export function problemExample(code: ErrorCode) {
  const [status, title] = ERRORS[code];
  const { detail = `${title}.`, errors, extra } = TOLD[code] ?? {};
  return {
    type: `https://petitions.example/problems#${code}`,
    title,
    status,
    code,
    detail,
    request_id: '0d9b7c1e-51a3-4e0c-9c52-3f6f3d0c5a11',
    ...(errors ? { errors } : {}),
    ...extra,
  };
}

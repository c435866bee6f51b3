/** Guards of what runners may do: claims, heartbeats, tokens. */
import { guardsIn, type Guard } from '../guard.ts'

const decisions = guardsIn('shared/domain/decide/claim.ts', [
  {
    name: 'claim.attempt',
    find: 'if (attempt.attempt_no !== request.attempt_no) return refuse(',
    replace: 'if (false) return refuse(',
    invariant: 3,
    protects: 'the sandbox of an earlier attempt does not take the live one',
    harmless: 'every attempt has a claim token of its own, which is checked too. The number makes the refusal say why.',
  },
  {
    name: 'claim.pending',
    find: "if (attempt.status !== 'pending' || run.status !== 'accepted')",
    replace: 'if (false)',
    invariant: 8,
    protects: 'an attempt that was told to stop, or is over, does not start',
    harmless: 'only a pending attempt has a claim token, so what is stopping or over has none to match. The state says it plainly.',
  },
  {
    name: 'claim.token',
    find: "if (attempt.claim_token !== request.claim_token) return refuse('claim_rejected', 'the claim token is wrong')\n",
    replace: '',
    invariant: 11,
    protects: 'only the sandbox that was launched for an attempt takes it',
  },
  {
    name: 'claim.same-runner',
    find: "attempt.status === 'running' && attempt.token_hash === storedTokenHash(request.attempt_token_hash)",
    replace: "attempt.status === 'running'",
    invariant: 11,
    protects: 'a claim is answered again to the runner that made it, and to no other',
  },
  {
    name: 'claim.repeat',
    find: "if (attempt.status === 'running' && attempt.token_hash === storedTokenHash(request.attempt_token_hash)) return decided([], [], run)\n",
    replace: '',
    invariant: 1,
    protects: 'a runner whose claim was applied and whose answer was lost can claim again',
  },
  {
    name: 'claim.event',
    find: "{ op: 'put_if_absent', record: runEvent(started, 'started', now_ms, startedPayload(attempt), true) },",
    replace: '',
    invariant: 6,
    protects: 'the event lies with what it tells, in one commit',
  },
  {
    name: 'heartbeat.running',
    find: "if (attempt.status !== 'running') {",
    replace: "if (attempt.status === 'pending') {",
    invariant: 8,
    protects: 'an attempt that was told to stop hears it, and its lease is not renewed',
  },
])

const identity = guardsIn('shared/flows/runner-identity.ts', [
  {
    name: 'runner.latest',
    find: 'if (attempt.attempt_no > identity.attempt_no) return superseded(identity)\n',
    replace: '',
    invariant: 3,
    protects: 'a runner whose attempt was replaced is told so',
  },
  {
    name: 'runner.own-number',
    find: 'attempt.attempt_no === identity.attempt_no && token_hash',
    replace: 'token_hash',
    invariant: 3,
    protects: 'a token is good for its own attempt',
  },
  {
    name: 'runner.secret',
    find: ' && secretMatches(identity.secret, token_hash)',
    replace: '',
    invariant: 11,
    protects: 'only who holds the secret of an attempt speaks for it',
  },
  {
    name: 'runner.live',
    find: '(!isLive(latest.value.attempt) || isFenced(latest.value.attempt)) ? superseded(identity) : latest',
    replace: 'isFenced(latest.value.attempt) ? superseded(identity) : latest',
    invariant: 3,
    protects: 'an attempt that is over changes nothing',
  },
])

const flow = guardsIn('shared/flows/runner.ts', [
  {
    name: 'runner.finish-once',
    find: 'if (!isLive(attempt)) return attempt.lost === true || attempt.killed !== undefined ? superseded(identity) : ok({ recorded: true })\n',
    replace: '',
    invariant: 1,
    protects: 'a runner learns that its word has arrived, and leaves',
  },
  {
    name: 'runner.finish-lost',
    find: 'return attempt.lost === true || attempt.killed !== undefined ? superseded(identity) : ok({ recorded: true })',
    replace: 'return ok({ recorded: true })',
    invariant: 3,
    protects: 'a runner that was given up is told that its word changed nothing',
  },
])

export const runner_guards: readonly Guard[] = [...decisions, ...identity, ...flow]

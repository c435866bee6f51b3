/** Guards of inputs and turns. */
import { guardsIn, type Guard } from '../guard.ts'

const turns = guardsIn('shared/domain/decide/turn.ts', [
  {
    name: 'turn.number',
    find: 'return request.turn === next ? undefined : refuse(',
    replace: 'return request.turn >= 0 ? undefined : refuse(',
    invariant: 10,
    protects: 'a turn ends once, and what it had taken is not counted for another',
  },
  {
    name: 'turn.waits-for-none',
    find: 'const waits = request.waits === true && pending_count === 0\n  const checkpoint',
    replace: 'const waits = request.waits === true\n  const checkpoint',
    invariant: 10,
    protects: 'an attempt does not wait for an input while one waits for it',
  },
  {
    name: 'take.repeat',
    find: 'if (before) return decided([], [], before)\n',
    replace: '',
    invariant: 10,
    protects: 'a take whose answer was lost is answered the same',
  },
])

const lists = guardsIn('shared/domain/inputs.ts', [
  {
    name: 'inputs.taken-by-latest',
    find: 'input.taken?.attempt_no === run.attempt.attempt_no',
    replace: 'input.taken !== undefined',
    invariant: 10,
    protects: 'what an attempt had taken when it died waits for the next',
  },
])

const ends = guardsIn('shared/domain/decide/after-attempt.ts', [
  {
    name: 'inputs.left-go-on',
    find: 'if (pendingInputs(settled.run).length === 0) return over(',
    replace: 'if (pendingInputs(settled.run).length >= 0) return over(',
    invariant: 10,
    protects: 'a run does not end while an input waits for it',
  },
  {
    name: 'inputs.carried-once',
    find: 'pendingInputs(run).filter((input) => input.carried !== true)',
    replace: 'pendingInputs(run)',
    invariant: 10,
    protects: 'an input that two runs have failed with has its end',
  },
])

const others = [
  ...guardsIn('shared/domain/decide/finish.ts', [
    {
      name: 'inputs.late-end',
      find: "if (isLate(state.run, ending))\n    return decided([], [], { reported: ending.hears === true && waitingInputs(state.run).length > 0 ? 'inputs_wait' : 'unchanged' })\n",
      replace: '',
      invariant: 10,
      protects: 'the end of a turn, told late, does not end an attempt that is in a later one',
    },
  ]),
  ...guardsIn('shared/domain/decide/cancel.ts', [
    {
      name: 'inputs.cancelled-in-line',
      find: 'if (run !== undefined && isEndedRun(run) && pendingInputs(run).length > 0) {',
      replace: 'if (run !== undefined && isEndedRun(run) && pendingInputs(run).length < 0) {',
      invariant: 10,
      protects: 'inputs for a run that is never made have their end',
    },
  ]),
  ...guardsIn('shared/domain/decide/input.ts', [
    {
      name: 'inputs.touches-task',
      find: "{ op: 'replace_if_version', record: touched }, ",
      replace: '',
      invariant: 10,
      protects: 'an input for the next run is not lost while that is made',
    },
  ]),
  ...guardsIn('shared/domain/decide/accept-input.ts', [
    {
      name: 'accept.input-key',
      find: "[{ op: 'put_if_absent', record: command }, ...decision.writes]",
      replace: 'decision.writes',
      invariant: 2,
      protects: 'a command that became an input has used its idempotency key',
    },
  ]),
  ...guardsIn('shared/flows/load.ts', [
    {
      name: 'load.inputs-fresh',
      find: 'return inputs.length === pending.length ? inputs : undefined',
      replace: 'return inputs',
      invariant: 10,
      protects: 'a list and its records that do not fit together are read again',
    },
  ]),
]

export const input_guards: readonly Guard[] = [...turns, ...lists, ...ends, ...others]

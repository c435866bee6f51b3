/** Violations of what is said of inputs: the work `talked` has two that are consumed and one that is pending. */
import { keyText } from '../../shared/audit/finding.ts'
import { refs } from '../../shared/store/keys.ts'
import { now, read, replace, runOf, taskOf, worked, ws } from './audited.ts'
import type { Input } from '../../shared/domain/input.ts'
import type { Planted } from './planted.ts'

const ref = (seq: number) => refs.input(ws(), worked('talked').id, seq)
const inputKey = (seq: number) => () => keyText(ref(seq))
const runKey = async () => keyText(refs.run(ws(), (await runOf('talked')).id))
const settled = (disposition: NonNullable<Input['settled']>['disposition']): Pick<Input, 'settled'> => ({ settled: { at: now(), disposition } })

export const planted_inputs: readonly Planted[] = [
  {
    code: 'inputs_unlisted',
    what: 'an input with an end that its run lists still',
    plant: async () => replace({ ...(await read(ref(3))), ...settled({ kind: 'rejected', reason: 'run_failed' }) }),
    at: runKey,
  },
  {
    code: 'inputs_unlisted',
    what: 'an input without an end that its run does not list',
    plant: async () => {
      const run = await runOf('talked')
      if (run.inputs !== undefined) await replace({ ...run, inputs: { ...run.inputs, pending: [] } })
    },
    at: runKey,
  },
  {
    code: 'inputs_gap',
    what: 'an input that is gone',
    plant: async () => {
      const run = await runOf('talked')
      if (run.inputs !== undefined) await replace({ ...run, inputs: { ...run.inputs, last_seq: 4 } })
    },
    at: runKey,
  },
  {
    code: 'input_forgotten',
    what: 'a pending input of a task that is over',
    plant: async () => {
      const { due_at: _, ...task } = await taskOf('talked')
      if (task.state === 'running') await replace({ ...task, state: 'cancelled', finished_at: now() })
    },
    at: inputKey(3),
  },
  {
    code: 'inputs_out_of_order',
    what: 'two inputs of a mode that were consumed the wrong way round',
    plant: async () => replace({ ...(await read(ref(1))), ...settled({ kind: 'consumed', run_id: (await runOf('talked')).id, attempt_no: 1, turn: 5 }) }),
    at: inputKey(2),
  },
]

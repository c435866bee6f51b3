/** `lanekeeper explain` */
import type { Command } from 'commander'
import * as z from 'zod'
import type { ExplanationView } from '../../shared/contract/explain.ts'
import { print, type Act } from '../context.ts'
import { exit_codes } from '../io.ts'
import { operand } from '../lookup.ts'
import { clean, toned, type Style } from '../render/style.ts'
import { fields } from '../render/table.ts'

const placeText = (place: ExplanationView['place']): string | undefined => {
  if (place === undefined) return undefined
  const of = `${place.of}${place.more ? '+' : ''}`
  return `${place.position ?? `beyond ${place.of}`} of ${of} in the ${place.line}’s line`
}

const factText = (value: unknown): string => clean(typeof value === 'string' ? value : JSON.stringify(value))

const explanationText = (style: Style, { task_id, state, constraint, frees, place, forked_from }: ExplanationView): string => {
  const { code, ...facts } = constraint
  return fields(style, [
    ['task', style.bold(task_id)],
    ['state', toned(style, state)],
    ['held by', code.replaceAll('_', ' ')],
    ...Object.entries(facts).map(([name, value]): [string, string] => [name.replaceAll('_', ' '), factText(value)]),
    ['place', placeText(place)],
    ['freed by', clean(frees)],
    ['forked from', forked_from === undefined ? undefined : `session ${clean(forked_from.session_id)}, as saved at ${forked_from.saved_at}`],
  ])
}

/** Adds the command. */
export const addExplain = (program: Command, act: Act): void => {
  program
    .command('explain')
    .argument('<task>', 'id of the task')
    .description('What holds a task now, where it stands in line, and what would free it')
    .action(
      act(z.object({}), async (context, { args }) => {
        const explanation = await context.client.tasks.explain(operand(args, 'The task’s id'))
        print(context, explanation, () => explanationText(context.style, explanation))
        return exit_codes.done
      }),
    )
}

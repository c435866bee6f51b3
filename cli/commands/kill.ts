/** `lanekeeper kill` and `lanekeeper resume` */
import type { Command } from 'commander'
import * as z from 'zod'
import type { KilledAttemptView, KillView } from '../../shared/contract/kill.ts'
import { print, type Act, type Context } from '../context.ts'
import { exit_codes, usageError, type ExitCode } from '../io.ts'

const workspace = z.string({ error: 'say which workspace: --workspace ws_…' })
const KillOptions = z.object({ workspace, yes: z.boolean().default(false), hold: z.boolean().default(false) })

/** Every attempt that the kill has found, over all pages. */
const everyAttempt = async (context: Context, workspace_id: string, first: KillView): Promise<readonly KilledAttemptView[]> => {
  const attempts = [...first.attempts]
  for (let cursor = first.next_cursor; cursor !== undefined;) {
    const page = await context.client.workspaces.kill(workspace_id, { hold: first.hold, killed_at: first.killed_at }, { cursor })
    attempts.push(...page.attempts)
    cursor = page.next_cursor
  }
  return attempts
}

const killText = ({ style, name }: Context, killed: KillView, attempts: readonly KilledAttemptView[]): string => {
  const count = (state: KilledAttemptView['state']) => attempts.filter((attempt) => attempt.state === state).length
  const lines = attempts.map((attempt) => `  ${attempt.state.padEnd(8)} ${attempt.task_id} ${style.dim(`${attempt.run_id} attempt ${attempt.attempt_no}`)}`)
  const waits = killed.hold ? 'what waits is held' : 'what waits is cancelled'
  const state = killed.complete
    ? `${style.green('✓')} complete: nothing of it is live`
    : `${style.yellow('■')} under way: the same command again says how far it is, and goes on with it`
  return [
    `${killed.workspace_id} was killed at ${killed.killed_at}; ${waits}`,
    ...lines,
    `${count('stopped')} stopped, as compute says; ${count('stopping')} stopping; ${count('unknown')} ended, of which compute has said nothing`,
    state,
    style.dim(`Take work again: ${name} resume --workspace ${killed.workspace_id}`),
    '',
  ].join('\n')
}

const kill = async (context: Context, { options }: { options: z.infer<typeof KillOptions> }): Promise<ExitCode> => {
  const waits = options.hold ? 'what waits keeps its place' : 'what waits is cancelled'
  if (!options.yes) throw usageError(`This stops all live work of ${options.workspace} at once; ${waits}`, 'Say --yes if you mean it.')
  const killed = await context.client.workspaces.kill(options.workspace, { hold: options.hold })
  const attempts = await everyAttempt(context, options.workspace, killed)
  print(context, { ...killed, attempts, next_cursor: undefined }, () => killText(context, killed, attempts))
  return exit_codes.done
}

/** Adds the commands. */
export const addKill = (program: Command, act: Act): void => {
  program
    .command('kill')
    .description('Stop all work of a workspace at once, and take none until it is resumed')
    .option('--hold', 'keep what waits in line, to go on when the workspace is resumed')
    .option('--yes', 'do it')
    .action(act(KillOptions, kill))
  program
    .command('resume')
    .description('Let a workspace that was killed take and start work again')
    .action(
      act(z.object({ workspace }), async (context, { options }) => {
        const resumed = await context.client.workspaces.resume(options.workspace)
        print(context, resumed, () => `${context.style.green('✓')} ${resumed.workspace_id} takes work again\n`)
        return exit_codes.done
      }),
    )
}

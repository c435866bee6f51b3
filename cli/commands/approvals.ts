/** `lanekeeper approvals`, `approve` and `reject` */
import type { Command } from 'commander'
import * as z from 'zod'
import type { ApprovalView } from '../../shared/contract/approvals.ts'
import { print, type Act, type Context } from '../context.ts'
import { exit_codes, type ExitCode } from '../io.ts'
import { operand } from '../lookup.ts'
import { clean, toned, type Style } from '../render/style.ts'
import { fields } from '../render/table.ts'

const approvalText = (style: Style, approval: ApprovalView): string =>
  fields(style, [
    ['approval', style.bold(approval.id)],
    ['state', toned(style, approval.state)],
    ['tool', clean(approval.tool)],
    ['input', clean(approval.input)],
    ['asked because', clean(approval.reason)],
    ['answer', approval.answer_reason === undefined ? undefined : clean(approval.answer_reason)],
    ['task', approval.task_id],
    ['run', approval.run_id],
    [approval.resolved_at === undefined ? 'expires' : 'ended', approval.resolved_at ?? approval.expires_at],
  ])

const listed = async (context: Context, run_id: string | undefined): Promise<ExitCode> => {
  const { client, style } = context
  const list = run_id === undefined ? await client.approvals.list({}) : await client.runs.approvals(run_id, {})
  const none = run_id === undefined ? 'No question is open.\n' : 'The run has asked nothing.\n'
  print(context, list, () => (list.items.length === 0 ? none : list.items.map((approval) => approvalText(style, approval)).join('\n')))
  return exit_codes.done
}

const answered = async (context: Context, approval_id: string, action: 'approve' | 'reject', reason: string | undefined): Promise<ExitCode> => {
  const approval = await context.client.approvals.answer(approval_id, { action, ...(reason === undefined ? {} : { reason }) })
  print(context, approval, () => `${context.style.green('✓')} ${approval.state}: ${clean(approval.tool)} of ${approval.run_id}\n`)
  return exit_codes.done
}

/** Adds the commands. */
export const addApprovals = (program: Command, act: Act): void => {
  program
    .command('approvals')
    .argument('[run]', 'id of a run: its questions, ended ones too')
    .description('What agents ask before they use a tool, and nobody has answered')
    .action(act(z.object({}), async (context, { args }) => listed(context, args[0])))
  for (const [action, description] of [
    ['approve', 'Let the agent use the tool it asks about'],
    ['reject', 'Do not let it; it is told why and goes on'],
  ] as const)
    program
      .command(action)
      .argument('<approval>', 'id of the approval')
      .option('--reason <text>', 'why; the agent is told if it is rejected')
      .description(description)
      .action(
        act(z.object({ reason: z.string().optional() }), async (context, { args, options }) =>
          answered(context, operand(args, 'The approval’s id'), action, options.reason),
        ),
      )
}

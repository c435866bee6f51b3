/** `lanekeeper keys …`, `lanekeeper workspaces …` and `lanekeeper health` */
import type { Command } from 'commander'
import * as z from 'zod'
import { roles } from '../../shared/domain/workspace.ts'
import { print, type Act, type Context } from '../context.ts'
import { exit_codes, usageError, type ExitCode } from '../io.ts'
import { operand } from '../lookup.ts'
import { keyTable, workspaceTable } from '../render/records.ts'
import { clean } from '../render/style.ts'
import { listCommand, ListOptions, printList } from './lists.ts'

const KeyOptions = z.object({ role: z.enum(roles, { error: `must be one of ${roles.join(', ')}` }).default('member') })

const addKeys = (program: Command, act: Act): void => {
  const keys = program.command('keys').description('API keys of the workspace')
  keys
    .command('create')
    .argument('<name>', 'a name to know it by')
    .description('Create an API key; it is shown once')
    .option('--role <role>', 'viewer reads; member also submits; admin also manages; operator also across workspaces (default member)')
    .action(
      act(KeyOptions, async (context, { args, options }) => {
        const created = await context.client.keys.create({ name: operand(args, 'The name'), role: options.role })
        const { api_key, key } = created
        const { style } = context
        print(
          context,
          created,
          () =>
            `${style.green('✓')} created key ${clean(api_key.name)} (${api_key.role}) ${style.dim(api_key.id)}\n${style.bold(key)}\n${style.dim('This is the only time it is shown.')}\n`,
        )
        return exit_codes.done
      }),
    )
  listCommand(keys, 'List API keys, revoked ones too').action(
    act(ListOptions, (context, { options }) => printList(context, options, (query) => context.client.keys.list(query), keyTable)),
  )
  keys
    .command('revoke')
    .argument('<key_id>', 'id of the key: key_…')
    .description('Revoke an API key at once and for good')
    .action(
      act(z.object({}), async (context, { args }) => {
        const key = await context.client.keys.revoke(operand(args, 'The key’s id'))
        print(context, key, () => `${context.style.green('✓')} revoked key ${clean(key.name)} ${context.style.dim(key.id)}\n`)
        return exit_codes.done
      }),
    )
}

const setCeiling = async (context: Context, { args }: { args: readonly string[] }): Promise<ExitCode> => {
  const [, text = ''] = args
  if (text !== 'none' && !/^\d{1,6}$/.test(text)) throw usageError('The ceiling must be a whole number, or `none` to take it back')
  const answer = await context.client.workspaces.update(operand(args, 'The workspace’s id'), { max_live_attempts: text === 'none' ? null : Number(text) })
  const counting = answer.counting ? '; what was live before is being counted, and nothing starts for a minute or two' : ''
  const says =
    answer.max_live_attempts === undefined ? 'no ceiling' : `${answer.max_live_attempts} live attempts at most; ${answer.live_attempts ?? 0} are live`
  print(context, answer, () => `${context.style.green('✓')} ${answer.workspace_id}: ${says}${counting}\n`)
  return exit_codes.done
}

const addWorkspaces = (program: Command, act: Act): void => {
  const workspaces = program.command('workspaces').description('Tenants; needs an operator’s key')
  workspaces
    .command('create')
    .argument('<name>', 'a name to know it by')
    .description('Create a workspace')
    .action(
      act(z.object({}), async (context, { args }) => {
        const workspace = await context.client.workspaces.create({ name: operand(args, 'The name') })
        const { style, name } = context
        const next = style.dim(`Give it a key: ${name} keys create admin --role admin --workspace ${workspace.id}`)
        print(context, workspace, () => `${style.green('✓')} created workspace ${clean(workspace.name)} ${style.dim(workspace.id)}\n${next}\n`)
        return exit_codes.done
      }),
    )
  workspaces
    .command('set-ceiling')
    .argument('<workspace>', 'id of the workspace: ws_…')
    .argument('<attempts>', 'a whole number, or `none`')
    .description('Set how many attempts of a workspace may be live at once, whatever its classes allow')
    .action(act(z.object({}), setCeiling))
  listCommand(workspaces, 'List workspaces, newest first').action(
    act(ListOptions, (context, { options }) => printList(context, options, (query) => context.client.workspaces.list(query), workspaceTable)),
  )
}

/** Adds the commands. */
export const addAccess = (program: Command, act: Act): void => {
  addKeys(program, act)
  addWorkspaces(program, act)
  program
    .command('health')
    .description('Whether the API and its table answer')
    .action(
      act(z.object({}), async (context) => {
        const health = await context.client.health()
        const { connection, style } = context
        print(
          context,
          { ...health, url: connection.url },
          () => `${style.green('✓')} ${health.status} ${connection.url} ${style.dim(`(from ${connection.source})`)}\n`,
        )
        return exit_codes.done
      }),
    )
}

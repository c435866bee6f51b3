/** `lanekeeper keys …`, `lanekeeper workspaces …` and `lanekeeper health` */
import type { Command } from 'commander'
import * as z from 'zod'
import { roles } from '../../shared/domain/workspace.ts'
import { print, type Act } from '../context.ts'
import { exit_codes } from '../io.ts'
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

/** `lanekeeper agents …` */
import type { Command } from 'commander'
import * as z from 'zod'
import { AgentConfigPatch } from '../../shared/domain/agent.ts'
import { print, type Act, type Context } from '../context.ts'
import { exit_codes, usageError, type ExitCode } from '../io.ts'
import { findAgent, operand } from '../lookup.ts'
import { agentFields, agentTable } from '../render/records.ts'
import { parseCommand, readJson } from '../values.ts'
import { listCommand, ListOptions, printList, shownBy } from './lists.ts'

/**
 * What an agent of runner `claude_code` may use if nothing is said: files and a shell, which the sandbox confines to the
 * session's workspace. Nothing that fetches from the web or starts other agents.
 */
export const default_tools = ['Read', 'Write', 'Edit', 'Glob', 'Grep', 'Bash'] as const

const count = z.coerce.number().int().min(1)
const ConfigOptions = z.object({
  runner: z.string().optional(),
  model: z.string().optional(),
  systemPrompt: z.string().optional(),
  allowTool: z.array(z.string()).optional(),
  /** commander's form of `--no-tools`. */
  tools: z.boolean().default(true),
  skill: z.array(z.string()).optional(),
  concurrency: count.optional(),
  maxTurns: count.optional(),
  command: z.array(z.string()).optional(),
  config: z.string().optional(),
  name: z.string().optional(),
})
type ConfigOptions = z.infer<typeof ConfigOptions>

const configOptions = (command: Command): Command =>
  command
    .option('--name <name>', 'a name for people (default: the key)')
    .option('--runner <runner>', 'claude_code, or process where the deployment allows it')
    .option('--model <model>', 'the model (default: the deployment’s)')
    .option('--system-prompt <text>', 'what the agent is told before every message')
    .option('--allow-tool <rule...>', `tools it may use, as in Read "Bash(git *)" (default: ${default_tools.join(' ')})`)
    .option('--no-tools', 'it may use no tool')
    .option('--skill <folder...>', 'folders below the workspace that hold skills')
    .option('--concurrency <n>', 'attempts at once (default 10)')
    .option('--max-turns <n>', 'turns of the model after which a run fails')
    .option('--command <word...>', 'runner process: the program and its arguments; those that begin with - go after --')
    .option('--config <json>', 'any of the config’s fields, as JSON or @file; flags win over it')

/** The config that flags and --config say together; nothing is filled in. */
const configOf = async (context: Context, options: ConfigOptions, words: readonly string[]): Promise<AgentConfigPatch> => {
  const written = options.config === undefined ? {} : await readJson(context.io, '--config', options.config, AgentConfigPatch)
  const command = [...(options.command ?? []), ...words]
  const allowed_tools = options.tools ? options.allowTool : []
  const flags = {
    ...(command.length === 0 ? {} : { command: [...parseCommand(command)], runner: 'process' }),
    ...(options.runner === undefined ? {} : { runner: options.runner }),
    ...(options.model === undefined ? {} : { model: options.model }),
    ...(options.systemPrompt === undefined ? {} : { system_prompt: options.systemPrompt }),
    ...(allowed_tools === undefined ? {} : { allowed_tools }),
    ...(options.skill === undefined ? {} : { skills: options.skill }),
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    ...(options.maxTurns === undefined ? {} : { max_turns: options.maxTurns }),
  }
  return { ...written, ...flags }
}

/** What a new agent may use, and how to run it. */
const nextLines = (context: Context, key: string, config: AgentConfigPatch, is_default: boolean): string => {
  const { dim } = context.style
  const tools = config.allowed_tools ?? []
  const how = is_default ? ' (the default: the sandbox confines them; choose with --allow-tool)' : ''
  const may = config.runner === 'process' ? '' : `${dim(`It may use ${tools.length === 0 ? 'no tool' : `${tools.join(', ')}${how}`}.`)}\n`
  return `${may}${dim(`Run it: ${context.name} run "…" --agent ${key}`)}\n`
}

const create = async (context: Context, { args, options }: { args: readonly string[]; options: ConfigOptions }): Promise<ExitCode> => {
  const agent_key = operand(args, 'The agent’s key')
  const said = await configOf(context, options, args.slice(1))
  const is_default = said.allowed_tools === undefined && said.runner !== 'process'
  const config: AgentConfigPatch = is_default ? { ...said, allowed_tools: [...default_tools] } : said
  const agent = await context.client.agents.create({ agent_key, config, ...(options.name === undefined ? {} : { name: options.name }) })
  const text = `${context.style.green('✓')} created agent ${context.style.bold(agent.agent_key)} ${context.style.dim(agent.id)}\n`
  print(context, agent, () => text + nextLines(context, agent.agent_key, config, is_default))
  return exit_codes.done
}

const UpdateOptions = ConfigOptions.extend({ active: z.boolean().optional(), inactive: z.boolean().optional() })

const update = async (context: Context, { args, options }: { args: readonly string[]; options: z.infer<typeof UpdateOptions> }): Promise<ExitCode> => {
  const config = await configOf(context, options, args.slice(1))
  const active = options.inactive === true ? false : options.active
  const change = {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(Object.keys(config).length === 0 ? {} : { config }),
    ...(active === undefined ? {} : { active }),
  }
  if (Object.keys(change).length === 0) throw usageError('There is nothing to change', `See \`${context.name} agents update --help\`.`)
  const { id } = await findAgent(context, operand(args, 'The agent’s key or id'))
  const agent = await context.client.agents.update(id, change)
  const shown = await shownBy(context, false)
  print(context, agent, () => agentFields(shown, agent))
  return exit_codes.done
}

const DeleteOptions = z.object({ cancel: z.boolean().default(false) })

/** Adds the commands. */
export const addAgents = (program: Command, act: Act): void => {
  const agents = program.command('agents').description('Profiles that commands run as')
  configOptions(agents.command('create').argument('<agent_key>', 'a-z 0-9 _ -').argument('[command...]', 'runner process: the command, after --'))
    .description('Create an agent')
    .action(act(ConfigOptions, create))
  listCommand(agents, 'List agents, newest first').action(
    act(ListOptions, (context, { options }) => printList(context, options, (query) => context.client.agents.list(query), agentTable)),
  )
  agents
    .command('get')
    .argument('<agent>', 'key or id')
    .description('Show an agent')
    .action(
      act(z.object({}), async (context, { args }) => {
        const agent = await findAgent(context, operand(args, 'The agent’s key or id'))
        const shown = await shownBy(context, false)
        print(context, agent, () => agentFields(shown, agent))
        return exit_codes.done
      }),
    )
  configOptions(agents.command('update').argument('<agent>', 'key or id').argument('[command...]', 'runner process: the command, after --'))
    .description('Change an agent; config is merged key by key')
    .option('--active', 'it takes commands')
    .option('--inactive', 'it takes no commands')
    .action(act(UpdateOptions, update))
  agents
    .command('delete')
    .argument('<agent>', 'key or id')
    .description('Delete an agent; its past tasks stay')
    .option('--cancel', 'cancel its work first; without this an agent that has work is not deleted')
    .action(
      act(DeleteOptions, async (context, { args, options }) => {
        const { id, agent_key } = await findAgent(context, operand(args, 'The agent’s key or id'))
        const agent = await context.client.agents.delete(id, { cancel: options.cancel })
        print(context, agent, () => `${context.style.green('✓')} deleted agent ${agent_key}\n`)
        return exit_codes.done
      }),
    )
}

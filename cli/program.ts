/** The command line: all commands, with the options that every one of them takes. */
import { Command, CommanderError } from 'commander'
import { addAccess } from './commands/access.ts'
import { addAgents } from './commands/agents.ts'
import { addApprovals } from './commands/approvals.ts'
import { addAttach } from './commands/attach.ts'
import { addAudit } from './commands/audit.ts'
import { addExplain } from './commands/explain.ts'
import { addInstances } from './commands/instances.ts'
import { addKill } from './commands/kill.ts'
import { addRun } from './commands/run.ts'
import { addRuns } from './commands/runs.ts'
import { addSchedules } from './commands/schedules.ts'
import { addSend } from './commands/send.ts'
import { addTasks } from './commands/tasks.ts'
import { actWith } from './context.ts'
import { exit_codes, type ExitCode, type Io } from './io.ts'

const description = `Runs AI agents as durable background work.

The API and its key come from --url and --key, from LANEKEEPER_URL and LANEKEEPER_API_KEY, or from the
.lanekeeper/local.json that \`npm start\` writes, here or in a folder above.`

const examples = `
Examples:
  lanekeeper agents create demo
  lanekeeper run "Write a haiku about queues to haiku.txt" --agent demo --session first
  lanekeeper run "What did you write?" --agent demo --session first
  lanekeeper run --interactive "Help me with queues" --agent demo
  lanekeeper send task_… "And now in German"
  lanekeeper tasks list --state running
  lanekeeper schedules create "Look at new issues" --agent demo --cron "0 9 * * 1-5" --timezone Europe/Berlin
  lanekeeper logs task_… --follow`

/** commander ends commands by itself: help and version are no failures, all else is a wrong command line. */
const codeOf = (error: CommanderError): ExitCode => (error.exitCode === 0 ? exit_codes.done : exit_codes.usage)

/** A subcommand copies settings only of the parent that it was created by, so these come before any command. */
const bareProgram = (io: Io): Command =>
  new Command('lanekeeper')
    .description(description)
    .option('--url <url>', 'where the API is')
    .option('--key <key>', 'the API key; better in LANEKEEPER_API_KEY, where other users of the machine do not see it')
    .option('--data <dir>', 'the folder of a local stack, as in `npm start -- --data DIR`')
    .option('--workspace <id>', 'operators: act in this workspace')
    .option('--json', 'print JSON; one object a line where it goes on')
    .addHelpText('after', examples)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()

/** Runs a command line. @param argv what follows the program's name */
export const runProgram = async (argv: readonly string[], io: Io): Promise<ExitCode> => {
  let code: ExitCode = exit_codes.done
  const act = actWith(io, (ended) => {
    code = ended
  })
  const program = bareProgram(io)
  for (const add of [
    addRun,
    addAttach,
    addSend,
    addTasks,
    addExplain,
    addApprovals,
    addAgents,
    addRuns,
    addSchedules,
    addInstances,
    addKill,
    addAccess,
    addAudit,
  ])
    add(program, act)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return codeOf(error)
    throw error
  }
}

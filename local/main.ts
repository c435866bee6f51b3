/** `npm start`: the whole of Lanekeeper on this machine, from the same template that `cdk deploy` ships. */
import { relative } from 'node:path'
import pc from 'picocolors'
import { readOptions, usage, UsageError, type Options } from './setup/options.ts'
import { startStack, type StackInfo } from './stack.ts'

const say = (line: string) => console.log(line)

const banner = (info: StackInfo, options: Options, ready_ms: number): string => {
  const data = relative(process.cwd(), options.data) || '.'
  // The client finds the usual folder by itself.
  const where = data === '.lanekeeper' ? '' : ` --data ${data}`
  return [
    '',
    pc.bold(`Lanekeeper${options.host_label === '' ? '' : ` ${options.host_label}`} is ready`) + pc.dim(` (${(ready_ms / 1_000).toFixed(1)} s)`),
    `  API      ${info.api_url}`,
    `  key      ${info.api_key}`,
    `  ${info.sandbox.message}`,
    ...(info.sandbox.hint === '' ? [] : [pc.yellow(`  ${info.sandbox.hint}`)]),
    ...(info.sandbox.tier === 'none' && process.env['ALLOW_UNSANDBOXED'] !== '1'
      ? [pc.red('  Nothing will run without a sandbox, unless you start with ALLOW_UNSANDBOXED=1')]
      : []),
    `  model: ${info.model}`,
    pc.dim(`  state and logs are in ${data}; Ctrl-C stops, nothing accepted is lost`),
    '',
    'Try, in a second terminal:',
    `  npx lanekeeper agents create assistant${where}`,
    `  npx lanekeeper run "Write a haiku about queues into haiku.txt" --agent assistant --session first${where}`,
    `  npx lanekeeper run "What is in the file that you wrote?" --agent assistant --session first${where}`,
    '',
  ].join('\n')
}

const untilToldToStop = (): Promise<string> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => resolve(signal))
    }
    // Started by a program, with a channel to it: end with it.
    process.on('disconnect', () => resolve('SIGHUP'))
  })

const run = async (options: Options): Promise<number> => {
  const began_ms = performance.now()
  process.title = `lanekeeper ${options.host_label}`.trim()
  // Before anything is started: Ctrl-C while provisioning must end the children too.
  const told = untilToldToStop()
  const stack = await Promise.race([startStack(options, process.env, (line) => say(pc.dim(line))), told])
  if (typeof stack === 'string') return 130
  say(banner(stack.info, options, performance.now() - began_ms))
  const why = await Promise.race([told, stack.broken])
  const signalled = why.startsWith('SIG')
  say(signalled ? pc.dim('stopping: tasks are told to end, again Ctrl-C to end at once') : pc.red(why))
  process.on('SIGINT', () => process.exit(130))
  await stack.stop()
  return signalled ? 0 : 1
}

const main = async (): Promise<number> => {
  try {
    const options = readOptions(process.argv.slice(2))
    if (options !== undefined) return await run(options)
    say(usage)
    return 0
  } catch (error) {
    if (!(error instanceof Error)) throw error
    console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : pc.red(error.message))
    if (error.cause instanceof Error && !(error instanceof UsageError)) console.error(pc.dim(error.cause.message))
    return error instanceof UsageError ? 2 : 1
  }
}

// Children and listeners of a start that failed half-way end with the process.
process.exit(await main())

/** `cdk synth`, `cdk deploy`: one stack, for whatever account and region the command line says. */
import { fileURLToPath } from 'node:url'
import { App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { LanekeeperStack } from './stack.ts'

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

const app = new App()
// A test that only looks at the template names smaller entries.
const given: unknown = app.node.tryGetContext('entries')
new LanekeeperStack(app, 'Lanekeeper', { root, entries: typeof given === 'string' ? given : 'functions' })
Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
app.synth()

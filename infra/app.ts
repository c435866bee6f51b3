/** `cdk synth`, `cdk deploy`: one stack, for whatever account and region the command line says. */
import { fileURLToPath } from 'node:url'
import { App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { LanekeeperStack } from './stack.ts'

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

const app = new App()
new LanekeeperStack(app, 'Lanekeeper', { root, entries: 'functions' })
Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
app.synth()

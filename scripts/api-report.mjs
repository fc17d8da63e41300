// node scripts/api-report.mjs [--update]: compares the public types of each entry (of what `npm run build` made) with the
// report in api/, so that no change of the public surface goes unseen. With --update, accepts what is there now.
import { mkdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'

const update = process.argv.includes('--update')
const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries = Object.entries(exports).filter(([, target]) => target.types)

function report(entry, types) {
  const name = entry === '.' ? 'holdfast' : `holdfast-${entry.slice(2).replaceAll('/', '-')}`
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: resolve('package.json'),
    configObject: {
      projectFolder: resolve('.'),
      mainEntryPointFilePath: resolve(types),
      compiler: {
        // Its own TypeScript is an older one, and it looks at what users see: dist/, not src/.
        overrideTsconfig: {
          compilerOptions: { target: 'es2022', module: 'nodenext', strict: true, skipLibCheck: true, types: ['node'] },
          files: [resolve(types)],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: resolve('api'),
        reportTempFolder: resolve('.api'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        // No release tags and no rules for comments: the report is about types.
        extractorMessageReporting: { default: { logLevel: 'none' } },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  })
  const result = Extractor.invoke(config, {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = message.logLevel !== 'error'
    },
  })
  const isSame = result.errorCount === 0 && (update || !result.apiReportChanged)
  console.log(`${isSame ? 'ok     ' : 'CHANGED'} api/${name}.api.md`)
  return isSame
}

mkdirSync('api', { recursive: true })
if (!entries.map(([entry, target]) => report(entry, target.types)).every(Boolean)) {
  console.error(
    'The public types are not those of api/: see the difference to .api/, then `npm run api:update` accepts it.',
  )
  process.exitCode = 1
}

import { Option, type Command } from 'commander';

/** The options of a command that imports a file. */
export function takesFile(command: Command): Command {
  return command
    .requiredOption('--petition <petition>', 'its id or slug')
    .option('--organization <slug>', 'who has collected them (the one that leads it if absent)')
    .addOption(
      new Option('--format <format>', 'of the file (by its name if absent)').choices(['csv', 'ndjson']),
    )
    .option('--source <words>', 'how they were collected, for the lines that do not say it')
    .option('--columns <pairs>', 'what columns are, like Email Address:email,Vorname:given_name')
    .option('--encoding <name>', 'of the file, where it cannot be told, like windows-1251')
    .option('--date-format <format>', 'of the dates, like DD.MM.YYYY HH:mm')
    .option('--dry-run', 'read and check everything, show how, and store nothing')
    .option('--fast', 'do not pause for other work: for a database that no server uses')
    .argument('<file>', 'the file; - for stdin');
}

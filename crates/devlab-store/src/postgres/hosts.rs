//! Addresses with several hosts, of which one is to be connected to.

use std::time::Duration;

use tokio_postgres::config::{Host, LoadBalanceHosts};
use tokio_postgres::{Config, Error};

/// Connects to the first host that can be used, within a time for all of them. One that takes a
/// connection and says nothing, as a machine that stands still does, keeps nobody from the next one:
/// each has its share, and the last one what is left.
///
/// # Errors
/// Of the last host. The caller ends what takes longer.
pub(super) async fn first_of<T, C: Future<Output = Result<T, Error>>>(
    config: &Config,
    within: Duration,
    connect: impl Fn(Config) -> C,
) -> Result<T, Error> {
    let hosts = each_host(config);
    let share = within / u32::try_from(hosts.len()).unwrap_or(u32::MAX).max(1);
    let Some((last, others)) = hosts.split_last() else {
        return connect(config.clone()).await;
    };
    for host in others {
        if let Ok(Ok(connected)) = tokio::time::timeout(share, connect(host.clone())).await {
            return Ok(connected);
        }
    }
    connect(last.clone()).await
}

/// The same for each host by itself; nothing for what the client library has to judge: one host,
/// hosts that are to be shuffled, lists that do not fit together.
fn each_host(config: &Config) -> Vec<Config> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let ports = config.get_ports();
    let count = hosts.len().max(addresses.len());
    let fits = |len: usize, one: bool| len == 0 || len == count || one && len == 1;
    let is_plain = config.get_load_balance_hosts() == LoadBalanceHosts::Disable;
    if !is_plain
        || !fits(hosts.len(), false)
        || !fits(addresses.len(), false)
        || !fits(ports.len(), true)
    {
        return Vec::new();
    }
    let each = (0..count).map(|at| {
        let mut one = without_hosts(config);
        match hosts.get(at) {
            Some(Host::Tcp(name)) => {
                one.host(name);
            }
            Some(Host::Unix(path)) => {
                one.host_path(path);
            }
            None => {}
        }
        if let Some(address) = addresses.get(at) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(at).or_else(|| ports.first()) {
            one.port(*port);
        }
        one
    });
    each.collect()
}

fn without_hosts(config: &Config) -> Config {
    let mut same = Config::new();
    same.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding());
    let texts = [
        (
            config.get_user(),
            Config::user as fn(&mut Config, String) -> &mut Config,
        ),
        (config.get_dbname(), Config::dbname),
        (config.get_options(), Config::options),
        (config.get_application_name(), Config::application_name),
    ];
    for (text, set) in texts {
        if let Some(text) = text {
            set(&mut same, text.to_owned());
        }
    }
    if let Some(password) = config.get_password() {
        same.password(password);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        same.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        same.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        same.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        same.keepalives_retries(retries);
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_is_the_address_with_one_of_its_hosts() {
        let more = "user=u password=p dbname=d options=-cjit=off application_name=a sslmode=disable \
            connect_timeout=5 tcp_user_timeout=6 keepalives_idle=7 keepalives_interval=8 \
            keepalives_retries=9 target_session_attrs=read-write channel_binding=disable";
        let of = |hosts: &str| format!("{hosts} {more}").parse::<Config>().unwrap();
        let two = each_host(&of("host=one,/run/two port=1,2"));
        assert_eq!(two, [of("host=one port=1"), of("host=/run/two port=2")]);
        let addresses = each_host(&of("host=a,b hostaddr=10.0.0.1,10.0.0.2 port=3"));
        let alone = [
            "host=a hostaddr=10.0.0.1 port=3",
            "host=b hostaddr=10.0.0.2 port=3",
        ];
        assert_eq!(addresses, alone.map(of));
        for whole in ["host=a,b load_balance_hosts=random", "host=a,b,c port=1,2"] {
            assert_eq!(each_host(&of(whole)), []);
        }
    }
}
